package embed

import (
	"os"
	"strings"
	"sync"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is the file system as Pebble sees it. At the first fault of a write, a sync or a rename it comes down:
// from then on nothing reaches the disk any more, which so stays as it was at that moment, just as after a
// crash. Opening the directory again then recovers what was durable.
//
// Pebble itself panics, while it holds locks, when its log or its manifest cannot be written. So behind the fence
// these writes seem to succeed; the store asks fault before it tells anybody that they did. Tables are different:
// Pebble tries again and again to flush or compact, so making one waits until the store is closed, and fails.
type fence struct {
	vfs.FS
	onFault func(error)

	mu       sync.Mutex
	armed    bool
	err      error
	released chan struct{}
}

func newFence(fs vfs.FS, onFault func(error)) *fence {
	return &fence{FS: fs, onFault: onFault, released: make(chan struct{})}
}

// arm ends the opening, during which faults go to Pebble's Open and from there to the caller.
func (f *fence) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
}

// release lets go of those who wait behind the fence.
func (f *fence) release() { close(f.released) }

// fault is the error that brought the fence down.
func (f *fence) fault() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// break_ brings the fence down.
func (f *fence) break_(err error) {
	f.mu.Lock()
	first := f.err == nil
	if first {
		f.err = err
	}
	f.mu.Unlock()
	if first {
		f.onFault(err)
	}
}

// do runs an operation that changes the disk, unless the fence is down. What it returns is what Pebble gets.
func (f *fence) do(op func() error) error {
	f.mu.Lock()
	armed, down := f.armed, f.err != nil
	f.mu.Unlock()
	if down {
		return nil
	}
	err := op()
	if err == nil || !armed || os.IsNotExist(err) {
		return err
	}
	f.break_(err)
	return nil
}

// make is do for operations that return a file.
func (f *fence) make(name string, open func() (vfs.File, error)) (vfs.File, error) {
	var file vfs.File
	err := f.do(func() (err error) {
		file, err = open()
		return err
	})
	if err != nil {
		return nil, err
	}
	if file == nil { // the fence is down
		if isTable(name) {
			<-f.released
			return nil, f.fault()
		}
		return &fenced{File: vfs.NewMemFile(nil), fence: f}, nil
	}
	return &fenced{File: file, fence: f, table: isTable(name)}, nil
}

func isTable(name string) bool {
	return strings.HasSuffix(name, ".sst") || strings.HasSuffix(name, ".blob")
}

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(name, func() (vfs.File, error) { return f.FS.Create(name, c) })
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.make(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) })
}

func (f *fence) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.make(newname, func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, c) })
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fenced{File: file, fence: f}, nil
}

func (f *fence) Link(oldname, newname string) error {
	return f.do(func() error { return f.FS.Link(oldname, newname) })
}
func (f *fence) Remove(name string) error { return f.do(func() error { return f.FS.Remove(name) }) }
func (f *fence) RemoveAll(name string) error {
	return f.do(func() error { return f.FS.RemoveAll(name) })
}
func (f *fence) Rename(oldname, newname string) error {
	return f.do(func() error { return f.FS.Rename(oldname, newname) })
}
func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.do(func() error { return f.FS.MkdirAll(dir, perm) })
}
func (f *fence) Unwrap() vfs.FS { return f.FS }

// fenced is a file behind the fence.
type fenced struct {
	vfs.File
	fence *fence
	table bool
}

// do is the fence's, but the writer of a table learns of the fault: the table must not count as written.
func (f *fenced) do(op func() error) error {
	err := f.fence.do(op)
	if err == nil && f.table {
		return f.fence.fault()
	}
	return err
}

func (f *fenced) Write(p []byte) (int, error) {
	if err := f.do(func() error { _, err := f.File.Write(p); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *fenced) WriteAt(p []byte, off int64) (int, error) {
	if err := f.do(func() error { _, err := f.File.WriteAt(p, off); return err }); err != nil {
		return 0, err
	}
	return len(p), nil
}

func (f *fenced) Sync() error     { return f.do(f.File.Sync) }
func (f *fenced) SyncData() error { return f.do(f.File.SyncData) }
func (f *fenced) SyncTo(length int64) (full bool, err error) {
	err = f.do(func() (err error) { full, err = f.File.SyncTo(length); return err })
	return full, err
}
func (f *fenced) Preallocate(offset, length int64) error {
	return f.do(func() error { return f.File.Preallocate(offset, length) })
}
