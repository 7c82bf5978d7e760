// The one place where Boost.Asio and Boost.Beast are compiled (BOOST_*_SEPARATE_COMPILATION).
#include <boost/asio/impl/src.hpp>

#include <boost/beast/src.hpp>
