"""Bytes on the wire and what they mean: codecs, framing, network headers, captures."""
