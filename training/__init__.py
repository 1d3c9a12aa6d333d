"""From applications whose end is known to a promoted model."""
