"""Tests of the mission store adapter."""
