"""How the service's processes live and end together, and what they leave behind."""
