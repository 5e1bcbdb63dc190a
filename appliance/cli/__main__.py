"""`python -m appliance.cli`: the same as the `pitwire` script."""

from appliance.cli import entry

entry()
