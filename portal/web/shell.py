"""One Litestar plugin that brings the web tier: templates, assets, headers, CSRF, error pages."""

from collections.abc import Sequence
from functools import cache
from pathlib import Path

from jinja2 import Environment
from litestar.config.app import AppConfig
from litestar.di import Provide
from litestar.plugins import InitPlugin

from portal.settings import Settings
from portal.web import mishaps, security, tokens
from portal.web.assets import Assets, static_file
from portal.web.pages import Place, Shell, environment


@cache
def _files(templates: Path, static: Path) -> tuple[Assets, Environment]:
    """What is read from the disk once a process, however many applications it makes: compiling templates is most of making one."""
    assets = Assets(static)
    return assets, environment(templates, assets)


class WebShell(InitPlugin):
    """Everything a feature's routes rely on. `csrf_secret` stays the same over restarts and over all web processes.

    One thing a plugin cannot set (Litestar 2.25 reads it from its own arguments only): `request_max_body_size=security.BODY_LIMIT`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        templates: Path,
        static: Path,
        csrf_secret: str,
        places: Sequence[Place],
        version: str = "",
        extra_hosts: Sequence[str] = (),
    ) -> None:
        self.assets, drawn = _files(templates, static)
        self.shell = Shell(templates=drawn, settings=settings, places=places, version=version, styles=self.assets.url("portal.css"))
        self.csrf_secret = csrf_secret
        self.extra_hosts = tuple(extra_hosts)

    def on_app_init(self, app_config: AppConfig) -> AppConfig:
        settings = self.shell.settings
        app_config.state.shell = self.shell
        app_config.before_send.append(security.headers(settings))
        app_config.middleware.insert(0, security.gate(settings, self.extra_hosts))
        app_config.middleware.append(tokens.check(security.csrf(settings, self.csrf_secret)))
        app_config.exception_handlers = {**mishaps.HANDLERS, **dict(app_config.exception_handlers)}
        app_config.dependencies = {**app_config.dependencies, "assets": Provide(lambda: self.assets, sync_to_thread=False)}
        app_config.route_handlers.append(static_file)
        return app_config
