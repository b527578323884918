"""Outrigger: a sidecar between an application and third-party APIs."""

__version__ = "0.1.0"  # as in pyproject.toml, for a checkout and the image, where the package is not installed
