"""How likely data are under a model: exactly by its flow, or from below by a bound."""
