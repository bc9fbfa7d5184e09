"""Options from a file and from the environment: a flag wins over the file, the file over a variable.

`--config FILE` is TOML: options by the names of their flags, at the top for every command that has them, in
`[convert]` and the like for that command. A variable is `POLYMASK_` and the name: `POLYMASK_MAX_PIXELS`.
"""

import json
import os
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import click
from click.core import ParameterSource

from polymask.errors import FormatError, InputError, NotFound, nearest, unknown
from polymask.storage.disk import regular
from polymask.storage.remote.urls import located
from polymask.storage.text_encodings import as_utf_8

PREFIX = "POLYMASK_"
CONFIG_VARIABLE = "POLYMASK_CONFIG"  # the file, where no flag names one
OTHER_VARIABLES = ("POLYMASK_KERNEL", CONFIG_VARIABLE)  # which are no options
_VALUES = "a text or a number, or a list of them"
_ORIGINS = "polymask.origins"  # in a context: where the values of its parameters come from
_wanted: set[str] = set()


class Setting(NamedTuple):
    """A value that stands in a file or a variable, and where."""

    value: Any
    origin: str


def json_wanted(arguments: Collection[str]) -> bool:
    """Whether errors are to be JSON too: by a flag, the file or a variable."""
    return "--json" in arguments or "json" in _wanted


def key_of(param: click.Parameter) -> str:
    """What a parameter is called in a file: `max_pixels` for `--max-pixels`, `source` for SOURCE.

    Examples:
        >>> key_of(click.Option(["-o", "--output-dir"]))
        'output_dir'
    """
    names = [name for name in param.opts if name.startswith("--")] or [param.name or ""]
    return names[0].strip("-").replace("-", "_")


def load(ctx: click.Context, path: str | None) -> None:
    """Let the file and the variables say what the flags of a command do not.

    The file may be named by a variable too.
    Raises `InputError` for a name that is no option's, with the nearest that is, and for a value of
    another kind; `FormatError` for what is no TOML.
    """
    path = path or os.environ.get(CONFIG_VARIABLE)
    parameters, known = _keys(ctx.command), _all_keys(ctx)
    settings = {
        **_of_variables(parameters, known),
        **(_of_file(path, ctx, parameters, known) if path else {}),
    }
    ctx.meta[_ORIGINS] = {parameters[key].name: setting.origin for key, setting in settings.items()}
    ctx.default_map = {parameters[key].name or key: setting.value for key, setting in settings.items()}
    if "json" in settings and str(settings["json"].value).lower() in ("true", "1", "yes", "on"):
        _wanted.add("json")


def _keys(command: click.Command) -> dict[str, click.Parameter]:
    """The parameters of a command that a file may set, by their names there."""
    keys = {key_of(param): param for param in command.params}
    return {key: param for key, param in keys.items() if key not in ("config", "print_config", "help")}


def _all_keys(ctx: click.Context) -> set[str]:
    """The names that any command knows."""
    commands = getattr(ctx.find_root().command, "commands", {"": ctx.command})
    return {key for command in commands.values() for key in _keys(command)}


def _of_variables(parameters: Mapping[str, click.Parameter], known: Collection[str]) -> dict[str, Setting]:
    """What variables set; one that is misspelled is refused, one of another tool is let be."""
    settings = {}
    for name, text in os.environ.items():
        key = name.removeprefix(PREFIX).lower()
        if not name.startswith(PREFIX) or name in OTHER_VARIABLES or not text:
            continue
        if key not in known and (near := nearest(key, known)):
            raise InputError(f"no option is set by {name}", advice=f"{near} Otherwise unset it")
        if key in parameters:
            settings[key] = Setting(_listed(parameters[key], name, text), name)
    return settings


def _listed(param: click.Parameter, name: str, text: str) -> Any:
    """A variable's text; of an option that may be repeated one value, or several as a JSON list."""
    if not _is_many(param):
        return text
    if not text.startswith("["):
        return [text]
    try:
        return _value(param, json.loads(text), name)
    except ValueError as error:
        raise InputError(
            f"{name} begins like a JSON list, but is none: {error}", advice='write ["cat", "dog"]'
        ) from None


def _of_file(
    path: str, ctx: click.Context, parameters: Mapping[str, click.Parameter], known: Collection[str]
) -> dict[str, Setting]:
    """What a file sets: at the top, and above that in the table of the command."""
    commands = getattr(ctx.find_root().command, "commands", {ctx.info_name: ctx.command})
    settings: dict[str, Setting] = {}
    document = _document(path)
    for name, value in document.items():
        if isinstance(value, dict) and name not in commands and name.replace("-", "_") in known:
            raise InputError(f"{path}: {name} is a table", advice=f"make it {_VALUES}")
        if isinstance(value, dict) and name not in commands:
            raise unknown("command", name, list(commands)).within(file=path)
    tables = {name: value for name, value in document.items() if isinstance(value, dict)}
    top = {name: value for name, value in document.items() if name not in tables}
    for key, value in _named(top, known, path, place=None):
        if key in parameters:
            settings[key] = Setting(_value(parameters[key], value, f"{path}: {key}"), path)
    for command, table in tables.items():
        for key, value in _named(table, _keys(commands[command]), path, place=f"[{command}]"):
            if command == ctx.info_name:
                settings[key] = Setting(_value(parameters[key], value, f"{path}: [{command}] {key}"), path)
    return settings


def _named(
    table: Mapping[str, Any], known: Collection[str], path: str, *, place: str | None
) -> Iterator[tuple[str, Any]]:
    """The options of a table; `-` and `_` are one, as in `max-pixels`."""
    keys: set[str] = set()
    for name, value in table.items():
        key = name.replace("-", "_")
        if key not in known:
            raise unknown("option", name, sorted(known)).within(file=path, place=place)
        if key in keys:
            raise InputError(f"'{key}' is there twice", file=path, place=place, advice="keep one of them")
        keys.add(key)
        yield key, value


def _document(path: str) -> dict[str, Any]:
    import tomllib  # quick to start without

    try:
        data = regular(located(path))
    except NotFound:
        raise NotFound("no such file", file=path, exit_code=InputError.exit_code) from None
    except InputError:
        raise InputError("no regular file", file=path, advice="name a TOML file") from None
    try:
        return tomllib.loads(data.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise FormatError("no text in UTF-8", file=path, advice=as_utf_8(path, data)) from None
    except tomllib.TOMLDecodeError as error:
        raise FormatError(
            f"no TOML: {error}", file=path, advice='write options as TOML has them: to = "voc"'
        ) from None


def _is_many(param: click.Parameter) -> bool:
    return param.multiple if isinstance(param, click.Option) else param.nargs == -1


def _value(param: click.Parameter, value: Any, where: str) -> Any:
    """A value as the command line takes it; raises `InputError` for one of another kind."""
    is_switch = isinstance(param, click.Option) and param.is_flag
    parts = value if isinstance(value, list) else [value]
    if is_switch != isinstance(value, bool) or not all(isinstance(p, str | int | float) for p in parts):
        kind = "true or false" if is_switch else _VALUES
        raise InputError(f"{where} is {value!r}", advice=f"make it {kind}")
    if is_switch:
        return value
    return [str(part) for part in parts] if _is_many(param) else ",".join(map(str, parts))


def origin_of(ctx: click.Context, name: str) -> str:
    """Where the value of a parameter comes from: the command line, a file, a variable, the default."""
    source = ctx.get_parameter_source(name)
    if source == ParameterSource.COMMANDLINE:
        return "command line"
    origins: Mapping[str, str] = ctx.meta.get(_ORIGINS, {})
    return origins.get(name, "default") if source == ParameterSource.DEFAULT_MAP else "default"


def resolved(ctx: click.Context) -> dict[str, Setting]:
    """The options of a command as they are, by the names that a file has for them."""
    return {
        key: Setting(_plain(param, ctx.params[param.name]), origin_of(ctx, param.name))
        for key, param in _keys(ctx.command).items()
        if param.name in ctx.params
    }


def _plain(param: click.Parameter, value: Any) -> Any:
    if param.metavar == "WxH" and value is not None:
        return "{1}x{0}".format(*value)
    return list(value) if isinstance(value, tuple) else f"{value}" if isinstance(value, Path) else value


def as_toml(command: str, settings: Mapping[str, Setting]) -> str:
    """Options as a file that would set them, each with where it comes from.

    Examples:
        >>> options = {"to": Setting("voc", "polymask.toml"), "images": Setting(None, "default")}
        >>> print(as_toml("convert", options))
        [convert]
        to = "voc"  # polymask.toml
        # images is not set
    """
    lines = [
        f"# {key} is not set" if value is None else f"{key} = {_toml(value)}  # {origin}"
        for key, (value, origin) in settings.items()
    ]
    return "\n".join([f"[{command}]", *lines])


def _toml(value: Any) -> str:
    """A value in TOML, whose texts, numbers, switches and lists are JSON's."""
    return json.dumps(value, ensure_ascii=False)


def as_json(command: str, settings: Mapping[str, Setting]) -> str:
    """The same as one JSON document."""
    options = {key: {"value": value, "from": origin} for key, (value, origin) in settings.items()}
    return json.dumps({"command": command, "options": options}, ensure_ascii=False)
