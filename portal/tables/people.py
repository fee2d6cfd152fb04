"""Sellers, the people who work for them, and their signed-in browsers."""

from enum import StrEnum

from piccolo.columns import UUID, BigInt, Boolean, Bytea, Text, Timestamptz, Varchar
from piccolo.columns.defaults.timestamptz import TimestamptzNow
from piccolo.columns.defaults.uuid import UUID4
from piccolo.table import Table


class Role(StrEnum):
    OWNER = "OWNER"
    ADMIN = "ADMIN"
    OPERATOR = "OPERATOR"
    FINANCE = "FINANCE"
    VIEWER = "VIEWER"


class Seller(Table, tablename="sellers"):
    """The tenant root: a business, not a person."""

    id = UUID(primary_key=True, default=UUID4())
    name = Varchar(length=120, default=None)
    created_at = Timestamptz(default=TimestamptzNow())


class SellerUser(Table, tablename="seller_users"):
    """A teammate. The e-mail address is the sign-in name, unique over all sellers, kept in lower case."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    email = Varchar(length=254, default=None, unique=True)
    name = Varchar(length=120, default="")
    password_hash = Text(default=None, secret=True)
    role = Varchar(length=20, default=Role.OWNER)
    language = Varchar(length=8, default="")
    """Code of the language this person chose; empty while their browser decides."""
    created_at = Timestamptz(default=TimestamptzNow())


class Session(Table, tablename="sessions"):
    """A signed-in browser. Only the SHA-256 of its token is kept, so a stolen table opens nothing."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    user_id = UUID(default=None)
    token_hash = Bytea(default=None, unique=True)
    device = Varchar(length=120, default="")
    masked_address = Varchar(length=60, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    last_seen_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    proven_at = Timestamptz(null=True, default=None)
    half = Boolean(default=False)
    """The password was right and the second step is still to come: opens nothing yet."""


class IntendedPost(Table, tablename="intended_posts"):
    """What somebody was about to send when we asked again who they are. Never holds a secret: only fields a route has named are kept."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    session_id = UUID(default=None)
    path = Text(default=None)
    fields = Text(default="[]")
    expires_at = Timestamptz(default=None)


class SecondFactor(Table, tablename="second_factors"):
    """The authenticator app of one person. `sealed` is its secret; `last_step` the newest time step used, so that a code works once."""

    user_id = UUID(primary_key=True, default=None)
    seller_id = UUID(default=None, index=True)
    sealed = Bytea(default=None, secret=True)
    last_step = BigInt(default=0)
    confirmed_at = Timestamptz(null=True, default=None)
    created_at = Timestamptz(default=TimestamptzNow())


class RecoveryCode(Table, tablename="recovery_codes"):
    """One of ten codes for somebody without their phone. Only its hash is kept."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    user_id = UUID(default=None)
    digest = Bytea(default=None, secret=True)
    used_at = Timestamptz(null=True, default=None)


class PasswordReset(Table, tablename="password_resets"):
    """One link to choose a new password. What makes it work is only in the mail."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    user_id = UUID(default=None)
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    used_at = Timestamptz(null=True, default=None)


class Invitation(Table, tablename="invitations"):
    """Somebody asked to join a team. What makes the link work is only in the mail."""

    id = UUID(primary_key=True, default=UUID4())
    seller_id = UUID(default=None, index=True)
    email = Varchar(length=254, default=None)
    role = Varchar(length=20, default=None)
    invited_by = Varchar(length=120, default="")
    created_at = Timestamptz(default=TimestamptzNow())
    expires_at = Timestamptz(default=None)
    accepted_at = Timestamptz(null=True, default=None)
