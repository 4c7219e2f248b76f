"""torch.distributed._composable: where some programs import fully sharded models from."""
