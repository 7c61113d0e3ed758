"""Tests of the random search."""
