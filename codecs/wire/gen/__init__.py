"""What the schemas in `codecs/schemas` became. Written by `python -m wire.sbe.generate --write`; never by hand."""
