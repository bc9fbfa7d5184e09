"""The fixture of the tests that follow advice."""

from tests.advice.sites import case

__all__ = ["case"]
