"""`python -m portal <command>`. Mistakes go to standard error with what to do about them, and never with a trace or a secret."""

import argparse
import json
import sys

from portal.errors import BadInput, PortalError


def parser() -> argparse.ArgumentParser:
    # The commands are imported late: `--help` should not have to load a database driver.
    from portal.commands import connect, keys, new_marketplace, seller, serve, sync

    whole = argparse.ArgumentParser(prog="python -m portal", description="The seller portal.")
    commands = whole.add_subparsers(required=True, metavar="command")
    for module in (serve, seller, connect, sync, keys, new_marketplace):
        module.add_parsers(commands)
    return whole


def main(arguments: list[str] | None = None) -> int:
    try:
        chosen = parser().parse_args(arguments)
        return int(chosen.run(chosen))
    except PortalError as error:
        _complain(error, as_json="--json" in (arguments if arguments is not None else sys.argv))
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
