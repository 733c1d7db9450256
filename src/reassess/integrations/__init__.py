"""ReaL accuracy and labels in other frameworks; each module needs the package that it is named after."""
