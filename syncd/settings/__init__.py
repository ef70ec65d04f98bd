"""The configuration: tables with defaults, read from a file, the environment and secret files."""

from syncd.settings.load import USUAL_PLACES, Places, load_settings, process_environment
from syncd.settings.problems import Problem, SettingsRefused
from syncd.settings.secrets import Secret
from syncd.settings.settings import Settings
from syncd.settings.sources import Origin

__all__ = [
    "USUAL_PLACES", "Origin", "Places", "Problem", "Secret", "Settings", "SettingsRefused", "load_settings",
    "process_environment",
]  # fmt: skip
