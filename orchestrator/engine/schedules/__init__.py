"""When sagas are to be started by themselves: the instants of a timetable, what is decided at one, and the facade."""
