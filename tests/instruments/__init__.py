"""Instruments: real phones under test control, and the measure of who hears whom."""
