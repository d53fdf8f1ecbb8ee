raise ImportError("a package that ships a plugin need not be imported")
