package reference
import ("testing";"strings";"net/http/httptest";"fmt";"os")
func TestTmpX(t *testing.T) {
	hook := paintHook(t); down := paintHook(t); down.Close()
	s := tellers(t, strings.TrimPrefix(hook.URL, "https://"), strings.TrimPrefix(down.URL, "https://"))[0]
	s.doors(hook); if t.Failed() {return}
	for _, mood := range []struct{ plural, path string; hook *httptest.Server }{{"fails", "/fails", hook}, {"breaks", "/breaks", hook}, {"renames", "/renames", hook}, {"downs", "/converts", down}} {
		s.define(mood.plural,mood.hook,mood.path); if t.Failed() {return}; s.failing(mood.plural)
	}
	f, _ := os.Create("/tmp/w/columns.said")
	for _, a := range s.said { fmt.Fprintf(f, "%s\n   %s\n", a.request, a.answer) }
}
