"""The flags of the command line, made from the options of the library."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import Field, fields
from functools import wraps
from typing import Any

import click
from msgspec.structs import replace

from polymask._version import __version__
from polymask.cli import config
from polymask.cli.terminal import start_log
from polymask.conversion.options import ConvertOptions
from polymask.flag import GROUPS, Flag, flag_of, spelled
from polymask.formats.options import ReadingOptions
from polymask.limits import Limits
from polymask.log import log
from polymask.model import Frame
from polymask.painting.painting import Rules

Decorator = Callable[[Callable[..., Any]], Any]


class GroupedOption(click.Option):
    """A flag with a group in the help."""

    def __init__(self, *names: Any, group: str = "output", **facts: Any) -> None:
        super().__init__(*names, **facts)
        self.group = group


class GroupedCommand(click.Command):
    """A command whose help lists its flags in groups."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As click does; what is wrong with a value of a file or a variable names that."""
        try:
            return super().parse_args(ctx, args)
        except click.BadParameter as error:
            origin = config.origin_of(ctx, error.param.name or "") if error.param else "default"
            if origin not in ("default", "command line"):
                message = f"{error.message} ({origin})"
                raise click.BadParameter(message, ctx, error.param, error.param_hint) from None
            raise

    def invoke(self, ctx: click.Context) -> Any:
        """Run it, or print its options; the log tells which."""
        log.info("polymask %s: %s", __version__, ctx.info_name)
        if not ctx.meta.get(_PRINT):
            return super().invoke(ctx)
        written = config.as_json if ctx.params.get("as_json") else config.as_toml
        click.echo(written(ctx.info_name or "", config.resolved(ctx)))
        return None

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the flags below the titles of their groups."""
        rows: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx) if isinstance(param, click.Option) else None
            if record:
                rows.setdefault(getattr(param, "group", "output"), []).append(record)
        for group, title in GROUPS.items():
            if group in rows:
                with formatter.section(title if len(rows) > 1 else "Options"):
                    formatter.write_dl(rows[group])


class WholeNumber(click.IntRange):
    """A whole number, which errors call so, and not an `integer range`."""

    name = "whole number"


class RealNumber(click.FloatRange):
    """A number."""

    name = "number"


def _frame(text: str | Frame) -> Frame:
    """Parse WxH to (height, width)."""
    width, _, height = str(text).lower().partition("x")
    if not (width.isdecimal() and height.isdecimal() and int(width) and int(height)):
        raise click.BadParameter(f"{text!r} is not WIDTHxHEIGHT in pixels, e.g. 128x128")
    return int(height), int(width)


def _type(flag: Flag) -> Any:
    if flag.choices:
        return click.Choice(list(flag.choices))
    if flag.kind == "whole":
        return int if flag.least is flag.most is None else WholeNumber(flag.least, flag.most)
    if flag.kind == "number":
        return float if flag.least is flag.most is None else RealNumber(flag.least, flag.most)
    return _frame if flag.kind == "frame" else None


def _completion(names: Mapping[str, object]) -> Callable[..., list[str]]:
    """The shell completion for a flag that takes a name of a table."""

    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[str]:
        return [name for name in names if name.startswith(incomplete)]

    return complete


def click_option(option: Field[Any], **changes: Any) -> Decorator:
    """The flag of an option, with some of its properties changed."""
    flag = replace(flag_of(option), **changes)
    if flag.kind == "switch":
        return extra(spelled(option.name), option.name, group=flag.group, is_flag=True, help=flag.help)
    default = None if flag.unset or flag.repeatable else option.default
    return extra(
        spelled(option.name),
        option.name,
        group=flag.group,
        type=_type(flag),
        metavar=flag.metavar,
        multiple=flag.repeatable,
        default=default,
        show_default=default is not None,
        shell_complete=_completion(flag.completions) if flag.completions else None,
        help=f"{flag.help}  [default: {flag.unset}]" if flag.unset else flag.help,
    )


def _decorated(flags: Iterable[Decorator]) -> Decorator:
    """A decorator that adds several flags, in their order."""

    def decorate(command: Callable[..., Any]) -> Any:
        for flag in reversed(list(flags)):
            command = flag(command)
        return command

    return decorate


def extra(*names: str, group: str = "output", **facts: Any) -> Decorator:
    """A flag that only the command line has, not the library."""
    return click.option(*names, cls=GroupedOption, group=group, **facts)


_OPTIONS = {option.name: option for option in fields(ConvertOptions)}


def option_named(name: str, **changes: Any) -> Decorator:
    """The flag of an option of `convert`, with some of its properties changed."""
    return click_option(_OPTIONS[name], **changes)


def in_groups(options: Iterable[Field[Any]]) -> list[Field[Any]]:
    """Options in the order of the groups."""
    order = list(GROUPS)
    return sorted(options, key=lambda option: order.index(flag_of(option).group))


convert_flags = _decorated([click_option(option) for option in in_groups(_OPTIONS.values())])
limit_flags = _decorated([click_option(option) for option in fields(Limits)])
reading_flags = _decorated([click_option(option) for option in in_groups(fields(ReadingOptions))])


def rule_flags(condition: str = "") -> Decorator:
    """Add the flags of the painting rules to a command, which receives them as `rules`."""

    def summary(name: str) -> str:
        text = flag_of(_OPTIONS[name]).help
        return f"{condition}{text[:1].lower()}{text[1:]}" if condition else text

    overlaps = [rule for rule in flag_of(_OPTIONS["overlap"]).choices if rule not in ("priority", "error")]
    flags = [
        option_named("pixel_rule", help=summary("pixel_rule")),
        option_named("overlap", help=summary("overlap"), choices=overlaps),
    ]

    def with_rules(command: Callable[..., Any]) -> Any:
        @wraps(command)
        def ruled(*, pixel_rule: str, overlap: str, **options: Any) -> Any:
            return command(rules=Rules(pixel_rule=pixel_rule, overlap=overlap), **options)

        return _decorated(flags)(ruled)

    return with_rules


def _start_log(ctx: click.Context, param: click.Parameter, value: object) -> None:
    if value:
        start_log()


VERBOSE = extra(
    "--verbose",
    is_flag=True,
    expose_value=False,
    callback=_start_log,
    help="A log with times on stderr, instead of a bar.",
)


def _load_config(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    config.load(ctx, value)


def _note_print(ctx: click.Context, param: click.Parameter, value: object) -> None:
    ctx.meta[_PRINT] = bool(value)


_PRINT = "polymask.print_config"
CONFIG = _decorated(
    [
        extra(
            "--config",
            metavar="FILE",
            is_eager=True,  # so that the others find what it says
            expose_value=False,
            callback=_load_config,
            help="A TOML file of options. Flags win over it, and it wins over POLYMASK_… variables.",
        ),
        extra(
            "--print-config",
            is_flag=True,
            expose_value=False,
            callback=_note_print,
            help="Print every option with where it comes from, and stop.",
        ),
    ]
)
JSON = extra("--json", "as_json", is_flag=True, help="One JSON document on stdout.")
QUIET = _decorated([extra("--quiet", is_flag=True, help="No bar, and no summary."), VERBOSE, CONFIG])
NO_BAR = _decorated([extra("--quiet", is_flag=True, help="No bar."), VERBOSE, CONFIG])
WORKERS = option_named("workers", help="Processes.")
