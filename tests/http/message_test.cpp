#include <weft/io/http/date.hpp>
#include <weft/io/http/url.hpp>

#include "http_support.hpp"

namespace weft::io::http::test {
namespace {

TEST(fields_test, are_found_ignoring_case_and_keep_their_order) {
  fields f{{"Host", "a"}, {"Accept", "x"}, {"accept", "y"}};
  EXPECT_EQ(f.find("HOST"), "a");
  EXPECT_EQ(f.find("Accept"), "x");
  EXPECT_EQ(f.count("ACCEPT"), 2U);
  EXPECT_FALSE(f.contains("Accept-Encoding"));
  EXPECT_EQ(f[2].name, "accept");
  f.set("Accept", f[1].value);
  EXPECT_EQ(f.size(), 2U);
  EXPECT_EQ(f[1].value, "x");
  EXPECT_EQ(f.erase("host"), 1U);
  EXPECT_EQ(f.erase("host"), 0U);
  f.clear();
  EXPECT_TRUE(f.empty());
}

TEST(fields_test, lists_are_searched_by_words) {
  const fields f{{"Connection", "Upgrade,  keep-alive"}, {"Connection", "x"}};
  EXPECT_TRUE(f.lists("connection", "Keep-Alive"));
  EXPECT_TRUE(f.lists("connection", "x"));
  EXPECT_FALSE(f.lists("connection", "keep"));
  EXPECT_FALSE(f.lists("other", "x"));
}

TEST(fields_test, nothing_can_be_smuggled_in) {
  fields f;
  for (const char* value : {"a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x7f", "\x01"}) {
    EXPECT_THROW(f.add("X", value), std::invalid_argument) << value;
    EXPECT_THROW(f.set("X", value), std::invalid_argument) << value;
  }
  EXPECT_THROW(f.add("X", std::string_view("a\0b", 3)), std::invalid_argument);
  for (const char* name : {"", "a b", "a:", "a\r\n", "\xc3\xa4"})
    EXPECT_THROW(f.add(name, "v"), std::invalid_argument) << name;
  EXPECT_TRUE(f.empty());
  EXPECT_NO_THROW(f.add("X", "tab\tand \xc3\xa4"));
}

TEST(date_test, reads_what_it_writes) {
  EXPECT_EQ(format_date(784'111'777), "Sun, 06 Nov 1994 08:49:37 GMT");
  EXPECT_EQ(parse_date("Sun, 06 Nov 1994 08:49:37 GMT"), 784'111'777);
  EXPECT_EQ(parse_date(format_date(0)), 0);
  for (const char* bad :
       {"", "yesterday", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sun, 06 Nov 1994 08:49:37 CET",
        "Sun, 06 Nov 1994 08:49:3x GMT", "Xyz, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Foo 1994 08:49:37 GMT"}) {
    EXPECT_EQ(parse_date(bad), std::nullopt) << bad;
  }
}

TEST(url_test, is_taken_apart) {
  const url u = url::parse("HTTP://Example.ORG:8080/a/b?c=d#e");
  EXPECT_EQ(u.scheme, "http");
  EXPECT_EQ(u.host, "example.org");
  EXPECT_EQ(u.port, 8080);
  EXPECT_EQ(u.target, "/a/b?c=d");
  EXPECT_EQ(u.authority(), "example.org:8080");
  const url v = url::parse("https://[::1]?q");
  EXPECT_EQ(v.host, "::1");
  EXPECT_EQ(v.port, 443);
  EXPECT_EQ(v.to_string(), "https://[::1]/?q");
}

TEST(url_test, what_is_none_is_quoted) {
  for (const char* bad :
       {"", "example.org", "ftp://x/", "http://", "http:///x", "http://u:p@x/", "http://x:0/", "http://x:65536/",
        "http://x:a/", "http://x /", "http://x/\r\nHost: y", "http://[::1/", "http://[::1]x/"}) {
    try {
      (void)url::parse(bad);
      ADD_FAILURE() << bad;
    } catch (const std::invalid_argument& e) {
      EXPECT_NE(std::string_view(e.what()).find("'" + std::string(bad) + "'"), std::string_view::npos) << e.what();
    }
  }
}

TEST(url_test, references_are_resolved) {
  const url u = url::parse("http://x:81/a/b?c");
  const auto resolved = [&](std::string_view r) { return u.resolve(r).to_string(); };
  EXPECT_EQ(resolved("https://y/z"), "https://y/z");
  EXPECT_EQ(resolved("//y/z"), "http://y/z");
  EXPECT_EQ(resolved("/z?d"), "http://x:81/z?d");
  EXPECT_EQ(resolved("z"), "http://x:81/a/z");
  EXPECT_EQ(resolved("?d"), "http://x:81/a/b?d");
  EXPECT_EQ(resolved(""), "http://x:81/a/b?c");
  EXPECT_EQ(resolved("#f"), "http://x:81/a/b?c");
  EXPECT_EQ(resolved("z?back=http://q/"), "http://x:81/a/z?back=http://q/");
}

}  // namespace
}  // namespace weft::io::http::test
