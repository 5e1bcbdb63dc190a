"""A host as it is: `read` turns /proc, /sys and what drivers say into an `Inventory`, plain facts without judgement."""
