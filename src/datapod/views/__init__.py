"""Views that the login dialogues show in the front end. Source: plugin-sdk.md, 9.4."""

from __future__ import annotations

from pathlib import Path

from datapod.schema import CVUStoredDefinition

CVU_BASE_PATH = Path(__file__).parent


def get_default_cvu(name: str, base_path: Path | str = CVU_BASE_PATH) -> CVUStoredDefinition:
    """An unsaved view item of one of the definitions shipped here."""
    text = (Path(base_path) / name).read_text(encoding="utf-8")
    return CVUStoredDefinition(definition=text, name=name, externalId=name)


def list_default_cvus(base_path: Path | str = CVU_BASE_PATH) -> list[str]:
    """File names of the definitions."""
    return sorted(path.name for path in Path(base_path).glob("*.cvu"))
