"""`python -m portal <command>`. Mistakes go to standard error with what to do about them, and never with a trace or a secret."""

import argparse
import json
import sys
from collections.abc import Sequence
from importlib import import_module

from portal.commands import modules_for
from portal.errors import BadInput, PortalError


def parser(arguments: Sequence[str]) -> argparse.ArgumentParser:
    """Understands the command that `arguments` begin with; every command, when it is none or unknown."""
    whole = argparse.ArgumentParser(prog="python -m portal", description="The seller portal.")
    commands = whole.add_subparsers(required=True, metavar="command")
    for module in modules_for(arguments):
        import_module(f"portal.commands.{module}").add_parsers(commands)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    typed = sys.argv[1:] if arguments is None else arguments
    try:
        chosen = parser(typed).parse_args(typed)
        return int(chosen.run(chosen))
    except PortalError as error:
        _complain(error, as_json="--json" in typed)
        return 2
    except KeyboardInterrupt:
        return 130


def _complain(error: PortalError, *, as_json: bool) -> None:
    message = error.seller_message
    if isinstance(error, BadInput):
        message = " ".join((message, *(f"{name}: {sentence.rstrip('.')}." for name, sentence in error.fields.items())))
    if as_json:
        print(json.dumps({"error": error.code, "message": message, **({"hint": error.hint} if error.hint else {})}))
    print(message, file=sys.stderr)
    if error.hint:
        print(error.hint, file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
