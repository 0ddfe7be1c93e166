"""Series: values over time, of one or several features, with steps that may be missing."""
