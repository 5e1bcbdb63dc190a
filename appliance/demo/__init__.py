"""The main job on one machine: a venue, a client and a subscriber as processes of their own, and what they agree on."""
