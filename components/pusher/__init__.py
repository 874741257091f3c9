"""Write the release bundle of a model that was blessed twice."""
