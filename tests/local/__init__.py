"""Tests over the canary that is deployed to the local AWS, and of the local AWS itself."""
