"""What a run hands over: the report, the data set, the model. Made from stored artefacts alone, as often as wanted."""
