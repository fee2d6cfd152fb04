"""Amazon's own models (Swagger 2.0), where a copy lies beside this repository: what a request and an answer have to look like."""

import json
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import httpx
import jsonschema

MODELS = Path(__file__).parents[3].parent / "shared" / "specs" / "amazon" / "models"
FEEDS = MODELS.parent / "schemas" / "feeds"
USED = (
    "orders_2026-01-01",
    "sellers",
    "listingsItems_2021-08-01",
    "reports_2021-06-30",
    "feeds_2021-06-30",
    "easyShip_2022-03-23",
    "tokens_2021-03-01",
)
METHODS = {"get", "post", "put", "patch", "delete"}


@dataclass(frozen=True)
class Operation:
    name: str
    method: str
    path: re.Pattern[str]
    parameters: tuple[dict[str, Any], ...]
    responses: dict[str, Any]
    definitions: dict[str, Any]

    def schema(self, schema: dict[str, Any]) -> dict[str, Any]:
        return {**schema, "definitions": self.definitions}


@cache
def operations() -> tuple[Operation, ...]:
    found: list[Operation] = []
    for name in USED:
        model = json.loads((MODELS / f"{name}.json").read_text(encoding="utf-8"))
        for template, item in model["paths"].items():
            found.extend(_operation(model, template, method, item) for method in METHODS & item.keys())
    return tuple(found)


def _operation(model: dict[str, Any], template: str, method: str, item: dict[str, Any]) -> Operation:
    operation = item[method]
    parameters = [*item.get("parameters", []), *operation.get("parameters", [])]
    return Operation(
        name=operation["operationId"],
        method=method.upper(),
        path=re.compile(re.sub(r"\{[^}]+\}", r"[^/]+", template)),
        parameters=tuple(_resolved(model, one) for one in parameters),
        responses={status: _resolved(model, one) for status, one in operation["responses"].items()},
        definitions=model["definitions"],
    )


def _resolved(model: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    while "$ref" in part:
        found: Any = model
        for step in part["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        part = found
    return part


def operation_of(request: httpx.Request) -> Operation | None:
    """The operation a request calls; None for sign-in and storage, which are in no model."""
    path = request.url.raw_path.decode().split("?")[0]
    return next((one for one in operations() if one.method == request.method and one.path.fullmatch(path)), None)


def no_float(text: str) -> Any:
    raise AssertionError(f"{text} is written as a float")


def check_request(operation: Operation, request: httpx.Request) -> None:
    """Required parameters are there, no unknown ones, values as declared, the body as its schema wants it."""
    known = {one["name"]: one for one in operation.parameters if one["in"] == "query"}
    query = dict(request.url.params.multi_items())
    assert query.keys() <= known.keys(), f"{operation.name}: {query.keys() - known.keys()}"
    for name, parameter in known.items():
        assert name in query or not parameter.get("required"), f"{operation.name} lacks {name}"
        if name in query:
            _check_value(parameter, query[name])
    body = next((one for one in operation.parameters if one["in"] == "body"), None)
    if body is not None:
        sent = json.loads(request.content, parse_float=no_float)
        jsonschema.validate(sent, operation.schema(body["schema"]), jsonschema.Draft4Validator)
    else:
        assert not request.content


def _check_value(parameter: dict[str, Any], text: str) -> None:
    name = parameter["name"]
    match parameter["type"]:
        case "array":
            values = text.split(",")
            allowed = parameter["items"].get("enum")
            assert allowed is None or set(values) <= set(allowed), f"{name}={text}"
            assert len(values) <= parameter.get("maxItems", len(values)), f"{name}={text}"
        case "integer":
            number = int(text)
            assert parameter.get("minimum", number) <= number <= parameter.get("maximum", number), f"{name}={text}"
        case "string":
            assert text in parameter.get("enum", [text]), f"{name}={text}"
            if parameter.get("format") == "date-time":
                assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", unquote(text)), f"{name}={text}"


def check_answer(operation: Operation, status: int, body: bytes) -> None:
    """The answer is as the model says for its status."""
    described = operation.responses[str(status)]
    answered = json.loads(body, parse_float=no_float)
    jsonschema.validate(answered, operation.schema(described["schema"]), jsonschema.Draft4Validator)
