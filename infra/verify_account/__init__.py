"""A check of the canary on a real AWS account, from deployment to deletion."""
