"""Gives every accepted input a number and a time, and writes it down."""
