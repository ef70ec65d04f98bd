"""Mirrors `syncd`: one test file per room, and `conformance` for the ports."""
