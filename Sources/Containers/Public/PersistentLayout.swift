// `PersistentLayout` and `HiddenStorage`, by which a type tells what reflection cannot see of it,
// are declared beside the code that follows them. Everything else in that module is internal to
// the package, so nothing else is exported with them.
@_exported import SoftPMTypes
