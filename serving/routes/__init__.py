"""The service's addresses, one file a resource."""
