"""How every benchmark speaks: the machine, a small table, or the same as JSON."""

import argparse
import json
import logging
import os
import platform
import sqlite3
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass

import structlog

_WIDTHS = (58, 12, 10, 22)


@dataclass(frozen=True, slots=True)
class Figure:
    what: str
    value: float
    unit: str
    at_most: float | None = None
    at_least: float | None = None
    #: what another program of this kind needed on the same kind of machine
    peer: str = ""

    @property
    def met(self) -> bool | None:
        """None: there is no target."""
        if self.at_most is not None:
            return self.value <= self.at_most
        return None if self.at_least is None else self.value >= self.at_least

    @property
    def target(self) -> str:
        if self.at_most is not None:
            return f"≤ {self.at_most:g}"
        return "" if self.at_least is None else f"≥ {self.at_least:g}"


def options(about: str | None, full: str) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--full", action="store_true", help=full)
    size.add_argument("--smallest", action="store_true", help="only try whether it works")
    return parser


def quiet() -> None:
    """Log as the program does at its users': warnings and worse, so that no line is measured."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))


def machine() -> dict[str, str]:
    return {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "cores": f"{os.cpu_count()} (load {os.getloadavg()[0]:.1f})",
        "python": platform.python_version(),
        "sqlite": f"{sqlite3.sqlite_version}, WAL, synchronous=FULL",
    }


def report(figures: Iterable[Figure], *, as_json: bool) -> None:
    around = machine()
    found = list(figures)
    if as_json:
        rows = [{**asdict(figure), "met": figure.met} for figure in found]
        print(json.dumps({"machine": around, "figures": rows}, indent=1, ensure_ascii=False))
        return
    print(" · ".join(f"{name} {value}" for name, value in around.items()))
    print(_line("", "measured", "target", "peers"))
    for figure in found:
        print(_line(figure.what, _shown(figure), figure.target, figure.peer, _verdict(figure)))


def percentile(taken: Sequence[float], percent: float) -> float:
    """The smallest value that this share of them does not pass."""
    ordered = sorted(taken)
    return ordered[min(len(ordered) - 1, int(len(ordered) * percent / 100))]


def median(taken: Sequence[float]) -> float:
    return statistics.median(taken)


def _shown(figure: Figure) -> str:
    return f"{_number(figure.value)} {figure.unit}".rstrip()


def _number(value: float) -> str:
    if value == int(value) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 100 else f"{value:.0f}"


def _verdict(figure: Figure) -> str:
    return "   missed" if figure.met is False else ""


def _line(what: str, measured: str, target: str, peer: str, verdict: str = "") -> str:
    cells = zip((what, measured, target, peer), _WIDTHS, strict=True)
    return (" ".join(f"{cell:<{width}}" for cell, width in cells) + verdict).rstrip()
