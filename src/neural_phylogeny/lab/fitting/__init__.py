"""Every fitted parameter that ships, and how it is fitted."""
