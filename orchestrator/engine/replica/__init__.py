"""Many sagas in one process: started, recovered, watched, acted upon."""
