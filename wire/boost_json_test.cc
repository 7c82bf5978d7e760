// Boost.JSON is header-only here: its one translation unit in the tests.
#include <boost/json/src.hpp>
