"""Prepare a host: what it has (`settings`), what it should have (`plan`), the way there and back (`apply`)."""
