"""One small program for each code: ``wrong`` has what the code names, ``mended`` is the same program put right."""
