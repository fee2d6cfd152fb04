"""What an operator types: `python -m portal …`, one module per noun."""

from collections.abc import Sequence

COMMANDS: dict[str, tuple[str, ...]] = {
    # module: the commands it brings
    "serve": ("up", "web", "worker", "sandbox", "migrate"),
    "seller": ("seller",),
    "connect": ("connect", "validate"),
    "sync": ("sync", "runs", "cancel", "retry"),
    "keys": ("keys",),
    "audit": ("audit",),
    "backup": ("backup", "restore"),
    "new_marketplace": ("new-marketplace",),
}


def modules_for(arguments: Sequence[str]) -> tuple[str, ...]:
    """The module of the command typed; all of them for `--help` and for what we do not know. Importing one loads what it works with."""
    typed = arguments[0] if arguments else ""
    return tuple(module for module, commands in COMMANDS.items() if typed in commands) or tuple(COMMANDS)
