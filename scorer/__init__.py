"""The Faust worker: decode, features, model, policy, reasons, prediction, reply. One process per lane."""
