"""What a lender would pick instead, with the same model, features, policy and validation."""
