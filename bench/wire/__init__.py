"""`pitwire bench wire`: an open-loop load generator and receiver, the servers that it measures, and its reports."""
