"""The product's own source, for the tests that read it."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PARTS = ("core", "execution", "interfaces")


def product_files(root: Path) -> list[Path]:
    files = [file for part in PARTS for file in sorted((root / part).rglob("*.py"))]
    daemon = root / "daemon.py"
    return [*files, daemon] if daemon.exists() else files


def plant(root: Path, place: str, source: str) -> None:
    """Put a violation into a tree of its own, to see it found."""
    file = root / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(source)
