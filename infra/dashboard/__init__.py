"""The CloudWatch dashboard, generated into template.yaml: `python -m infra.dashboard --write template.yaml`."""
