"""The naive twin of accounts, risk and funds: docs/RISK.md said a second time, one rule a function."""
