"""Where settings come from, the YAML file and the environment, and how a bad one is explained."""

import difflib
import re
from collections.abc import Iterator, Mapping
from datetime import time
from pathlib import Path
from typing import Any, Final, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, EnvSettingsSource, SettingsError

from core.errors import ConfigError
from core.redaction import redacted

PREFIX: Final = "SLEEPLESS_"
DELIMITER: Final = "__"

Values = dict[str, Any]


# --- the file ---------------------------------------------------------------------------------


class _PlainLoader(yaml.SafeLoader):
    """YAML without the guesses of version 1.1: 20:00 is text, `no` is text, 010 is not eight.

    Keys are always text (a project may be called 2026), and a key given twice is refused.
    """

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 - PyYAML's own way


def _check_keys(node: yaml.MappingNode) -> None:
    seen: set[str] = set()
    for key, _ in node.value:
        problem = None
        if not isinstance(key, yaml.ScalarNode):
            problem = "a key should be a plain word"
        elif key.value in seen:
            problem = f"the key {key.value!r} is given twice"
        if problem:
            raise yaml.constructor.ConstructorError(None, None, problem, key.start_mark)
        seen.add(key.value)


def _construct_map(loader: _PlainLoader, node: yaml.MappingNode) -> Values:
    _check_keys(node)
    loader.flatten_mapping(node)
    return {key.value: loader.construct_object(value, deep=True) for key, value in node.value}


_PlainLoader.add_constructor("tag:yaml.org,2002:map", _construct_map)
for _tag, _pattern, _first in (
    ("null", r"^(?:~|null|Null|NULL|)$", ["~", "n", "N", ""]),
    ("bool", r"^(?:true|True|TRUE|false|False|FALSE)$", list("tTfF")),
    ("int", r"^[-+]?(?:0|[1-9][0-9]*)$", list("-+0123456789")),
    ("float", r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+)$", list("-+.0123456789")),
    ("merge", r"^<<$", ["<"]),
):
    _PlainLoader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def read_config_file(path: Path) -> Values:
    """The file's values; an empty file, and a section without anything in it, mean defaults."""
    text = _read(path)
    try:
        values = yaml.load(text, _PlainLoader)  # noqa: S506 - a SafeLoader with fewer guesses
    except yaml.YAMLError as error:
        raise _bad_yaml(path, text, error) from None
    if values is None:
        return {}
    if not isinstance(values, dict):
        problem = "it should hold sections with keys, as the config.yaml that comes with Sleepless."
        raise ConfigError(where=str(path), value=redacted("", values), problem=problem)
    return {name: section for name, section in values.items() if section is not None}


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        problem = "there is no such file; give the path of one, or leave --config out."
    except UnicodeDecodeError as error:
        problem = f"byte {error.start} is not UTF-8; save the file as UTF-8."
    except OSError as error:
        problem = f"it cannot be read: {error.strerror or error}; give a file this user may read."
    raise ConfigError(where="the configuration file", value=str(path), problem=problem)


def _bad_yaml(path: Path, text: str, error: yaml.YAMLError) -> ConfigError:
    mark = error.problem_mark if isinstance(error, yaml.MarkedYAMLError) else None
    if mark is None:
        return ConfigError(where=str(path), value="", problem=f"this is not YAML: {error}.")
    lines = text.splitlines()
    line = lines[mark.line].strip() if mark.line < len(lines) else "the end of the file"
    what = getattr(error, "problem", None) or "it cannot be read"
    return ConfigError(
        where=f"{path}, line {mark.line + 1}, column {mark.column + 1}",
        value=redacted("", line),
        problem=f"this is not valid YAML: {what}.",
    )


# --- the environment --------------------------------------------------------------------------


class _GivenEnvironment(EnvSettingsSource):
    """pydantic-settings' own reading of variables, but of a mapping that is handed in."""

    def __init__(self, settings: type[BaseSettings], environ: Mapping[str, str]) -> None:
        self._environ = environ
        super().__init__(
            settings,
            case_sensitive=False,
            env_prefix=PREFIX,
            env_nested_delimiter=DELIMITER,
            env_ignore_empty=True,
        )

    def _load_env_vars(self) -> Mapping[str, str | None]:
        return {name.lower(): value for name, value in self._environ.items() if value != ""}

    def decode_complex_value(self, field_name: str, field: FieldInfo, value: Any) -> Any:
        try:
            return super().decode_complex_value(field_name, field, value)
        except ValueError:
            name = f"{PREFIX}{field_name.upper()}"
            problem = f"it is not JSON; give one key at a time, as {name}{DELIMITER}<KEY>=…"
            raise ConfigError(where=name, value=value, problem=problem) from None


def read_environment(settings: type[BaseSettings], environ: Mapping[str, str]) -> Values:
    """The values that SLEEPLESS_<SECTION>__<KEY> variables give.

    A name with `__` that belongs to no section is refused: it is a misspelt setting. One without
    (SLEEPLESS_HOME) may be anybody's, and is left alone.
    """
    for name, value in environ.items():
        section, found, _ = name.upper().removeprefix(PREFIX).partition(DELIMITER)
        if not name.upper().startswith(PREFIX) or not found:
            continue
        if section.lower() not in settings.model_fields:
            raise ConfigError(
                where=name,
                value=redacted(name, value),
                problem=_no_such_key(variable_path(name), settings, variable_name),
            )
    try:
        return dict(_GivenEnvironment(settings, environ)())
    except SettingsError as error:
        if isinstance(error.__cause__, ConfigError):
            raise error.__cause__ from None
        raise


def variable_name(path: str) -> str:
    """budget.timezone → SLEEPLESS_BUDGET__TIMEZONE"""
    return PREFIX + path.replace(".", DELIMITER).upper()


def variable_path(name: str) -> str:
    """SLEEPLESS_BUDGET__TIMEZONE → budget.timezone"""
    return name.upper().removeprefix(PREFIX).lower().replace(DELIMITER, ".")


# --- what there is, and what was meant --------------------------------------------------------


def known_keys(model: type[BaseModel], path: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Every key with its dotted path: `budget.timezone`, `projects.<slug>.verify`."""
    for name, field in model.model_fields.items():
        here = f"{path}.{name}" if path else name
        if section := _section(field.annotation):
            yield from known_keys(section, here)
        elif section := next(filter(None, map(_section, get_args(field.annotation))), None):
            yield from known_keys(section, f"{here}.<slug>")
        else:
            yield here, field


def _section(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return None


def _no_such_key(path: str, model: type[BaseModel], spell: Any = str) -> str:
    known = [name for name, _ in known_keys(model)]
    meant = _nearest(path, known)
    if meant:
        return f"there is no such key; did you mean {spell(meant)}?"
    return "there is no such key; docs/configuration.md lists those that exist."


def _nearest(path: str, known: list[str]) -> str | None:
    last = path.rpartition(".")[2]
    same = [name for name in known if name.rpartition(".")[2] == last]
    close = difflib.get_close_matches(path, same or known, n=1, cutoff=0.0 if same else 0.6)
    if close:
        return close[0]
    by_last = {name.rpartition(".")[2]: name for name in known}
    alike = difflib.get_close_matches(last, list(by_last), n=1, cutoff=0.75)
    return by_last[alike[0]] if alike else None


# --- explaining -------------------------------------------------------------------------------


def explain(
    error: ValidationError, model: type[BaseModel], file: Path | None, environment: Values
) -> ConfigError:
    """The first thing that is wrong, in full: path and origin, value, what would be right."""
    problems = error.errors(include_url=False)
    first, others = problems[0], [_dotted(other["loc"]) for other in problems[1:]]
    path = _dotted(first["loc"])
    from_environment = _holds(environment, first["loc"])
    problem = _problem(first, path, model, variable_name if from_environment else str)
    if others:
        problem += f" (also wrong: {', '.join(others)})"
    return ConfigError(
        where=_origin(path, file, from_environment=from_environment),
        value=redacted(path, _plain(first["input"])),
        problem=problem,
    )


def _problem(error: ErrorDetails, path: str, model: type[BaseModel], spell: Any) -> str:
    match error["type"]:
        case "extra_forbidden":
            return _no_such_key(path, model, spell)
        case "model_type" | "model_attributes_type" | "dict_type":
            keys = [name for name, _ in known_keys(model) if name.startswith(f"{path}.")]
            return f"it should be a section with keys such as {keys[0] if keys else path}."
        case "value_error":
            return str(error["ctx"]["error"])
        case _:
            return error["msg"].replace("Input should be", "it should be").rstrip(".") + "."


def _origin(path: str, file: Path | None, *, from_environment: bool) -> str:
    if from_environment:
        return f"{path} (from {variable_name(path.partition('[')[0])})"
    return f"{path} (in {file})" if file else path


def _holds(values: Any, path: tuple[int | str, ...]) -> bool:
    for step in path:
        if not isinstance(values, dict):
            return True
        if step not in values:
            return False
        values = values[step]
    return True


def _dotted(path: tuple[int | str, ...]) -> str:
    dotted = ""
    for step in path:
        if isinstance(step, int):
            dotted += f"[{step}]"
        elif step != "[key]":
            dotted += f".{step}" if dotted else step
    return dotted


def _plain(value: Any) -> Any:
    """Defaults reach an error as Decimals and times; show them as one would write them."""
    if isinstance(value, time):
        return f"{value:%H:%M}"
    return value if isinstance(value, str | int | float | list | dict | None) else str(value)
