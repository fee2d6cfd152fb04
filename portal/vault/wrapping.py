"""Private keys that AWS KMS keeps wrapped: the file then holds `kms:<key's ARN>:<base64 of the wrapped key>` and opens nothing by itself.

Needs the extra `portal[kms]` (boto3), and credentials where boto3 looks for them. KMS is asked once per key when a process starts, and
when the file changes. Ring and key id are the encryption context, so a wrapped key cannot stand in for another one.
"""

import base64
from typing import Any

from portal.errors import Misconfigured

PREFIX = "kms:"


def is_wrapped(key: str) -> bool:
    return key.startswith(PREFIX)


def kms_key_of(key: str) -> str:
    """The ARN a wrapped key names."""
    return key.removeprefix(PREFIX).rpartition(":")[0]


def wrapped(ring: str, key_id: str, key: str, kms_key: str) -> str:
    """A private key's base64 as KMS wraps it under `kms_key`, an ARN. Raises Misconfigured when KMS refuses."""
    answer = _asked(kms_key, "encrypt", KeyId=kms_key, Plaintext=base64.b64decode(key), EncryptionContext=_context(ring, key_id))
    return f"{PREFIX}{answer['KeyId']}:{base64.b64encode(answer['CiphertextBlob']).decode()}"


def private_bytes(ring: str, key_id: str, key: str) -> bytes:
    """The 32 bytes of a private key, plain or wrapped. Raises Misconfigured when KMS does not unwrap it."""
    if not is_wrapped(key):
        return base64.b64decode(key)
    kms_key, blob = kms_key_of(key), key.rpartition(":")[2]
    answer = _asked(kms_key, "decrypt", KeyId=kms_key, CiphertextBlob=base64.b64decode(blob), EncryptionContext=_context(ring, key_id))
    return bytes(answer["Plaintext"])


def _context(ring: str, key_id: str) -> dict[str, str]:
    return {"portal-ring": ring, "portal-key": key_id}


def _asked(kms_key: str, operation: str, **arguments: object) -> dict[str, Any]:
    try:
        import boto3
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError:
        raise Misconfigured(
            "The private key rings are wrapped by AWS KMS, but boto3 is not installed.", hint="pip install 'seller-portal[kms]'"
        ) from None
    parts = kms_key.split(":")
    if len(parts) < 6 or parts[2] != "kms":
        raise Misconfigured("A KMS key is named by its ARN.", hint="It reads arn:aws:kms:<region>:<account>:key/<id>.")
    try:
        answer: dict[str, Any] = getattr(boto3.client("kms", region_name=parts[3]), operation)(**arguments)
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "")
        raise Misconfigured(
            f"AWS KMS refuses to {operation} a key: {code}.", hint=f"Look at the policy and the state of {kms_key}."
        ) from None
    except BotoCoreError as error:
        raise Misconfigured(
            "AWS KMS does not answer.", detail=type(error).__name__, hint="Look at the network and at the AWS credentials of this process."
        ) from None
    return answer
