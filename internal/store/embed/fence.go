package embed

import (
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// fence is the file system as Pebble sees it. At the first fault of a write, a sync or a rename it comes down:
// from then on nothing reaches the disk any more, which so stays as it was at that moment, just as after a
// crash. Opening the directory again then recovers what was durable.
//
// Pebble itself panics, while it holds locks, when its log or its manifest cannot be written, and tries a failed
// flush again without end. So behind the fence all seems well to it: writes to files of the disk are dropped, and
// new files are made in memory. The store asks fault before it tells anybody that a write has succeeded. Only a
// table that was half written when the fence came down fails, and is made again in memory.
type fence struct {
	vfs.FS
	onFault func(error)
	down    atomic.Bool

	mu     sync.Mutex
	armed  bool
	err    error
	memory *vfs.MemFS // the files made since
}

func newFence(fs vfs.FS, onFault func(error)) *fence {
	return &fence{FS: fs, onFault: onFault}
}

// arm ends the opening, during which faults go to Pebble's Open and from there to the caller.
func (f *fence) arm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.armed = true
}

// fault is the error that brought the fence down.
func (f *fence) fault() error {
	if !f.down.Load() {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.err
}

// fail brings the fence down.
func (f *fence) fail(err error) {
	f.mu.Lock()
	first := f.err == nil
	if first {
		f.err = err
		f.memory = vfs.NewMem()
		f.down.Store(true)
	}
	armed := f.armed
	f.mu.Unlock()
	if first && armed {
		f.onFault(err)
	}
}

// try runs an operation that changes the disk. When that fails the fence comes down, and it counts as done; what
// merely finds no file is no fault. Whoever calls has seen that the fence was up.
func (f *fence) try(op func() error) error {
	err := op()
	if err == nil || os.IsNotExist(err) {
		return err
	}
	f.mu.Lock()
	armed := f.armed
	f.mu.Unlock()
	if !armed {
		return err
	}
	f.fail(err)
	return nil
}

// change runs one operation on the disk, or the other one in memory if the fence is down.
func (f *fence) change(disk func() error, memory func(*vfs.MemFS) error) error {
	if !f.down.Load() {
		return f.try(disk)
	}
	if err := memory(f.memory); !os.IsNotExist(err) {
		return err
	}
	return nil // a file of the disk: it stays as it is
}

// file opens a file for writing.
func (f *fence) file(name string, disk func() (vfs.File, error), category vfs.DiskWriteCategory) (vfs.File, error) {
	if !f.down.Load() {
		var file vfs.File
		err := f.try(func() (err error) { file, err = disk(); return err })
		if err != nil {
			return nil, err
		}
		if file != nil {
			return &fenced{File: file, fence: f, table: filepath.Ext(name) == ".sst"}, nil
		}
	}
	if err := f.memory.MkdirAll(f.FS.PathDir(name), 0o700); err != nil {
		return nil, err
	}
	return f.memory.Create(name, category)
}

func (f *fence) Create(name string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(name, func() (vfs.File, error) { return f.FS.Create(name, c) }, c)
}

func (f *fence) OpenReadWrite(name string, c vfs.DiskWriteCategory, opts ...vfs.OpenOption) (vfs.File, error) {
	return f.file(name, func() (vfs.File, error) { return f.FS.OpenReadWrite(name, c, opts...) }, c)
}

func (f *fence) ReuseForWrite(oldname, newname string, c vfs.DiskWriteCategory) (vfs.File, error) {
	return f.file(newname, func() (vfs.File, error) { return f.FS.ReuseForWrite(oldname, newname, c) }, c)
}

func (f *fence) Open(name string, opts ...vfs.OpenOption) (vfs.File, error) {
	if f.down.Load() {
		if file, err := f.memory.Open(name); err == nil {
			return file, nil
		}
	}
	return f.FS.Open(name, opts...)
}

func (f *fence) OpenDir(name string) (vfs.File, error) {
	file, err := f.FS.OpenDir(name)
	if err != nil {
		return nil, err
	}
	return &fenced{File: file, fence: f}, nil
}

func (f *fence) Stat(name string) (vfs.FileInfo, error) {
	if f.down.Load() {
		if info, err := f.memory.Stat(name); err == nil {
			return info, nil
		}
	}
	return f.FS.Stat(name)
}

func (f *fence) Link(oldname, newname string) error {
	return f.change(func() error { return f.FS.Link(oldname, newname) }, func(m *vfs.MemFS) error { return m.Link(oldname, newname) })
}

func (f *fence) Remove(name string) error {
	return f.change(func() error { return f.FS.Remove(name) }, func(m *vfs.MemFS) error { return m.Remove(name) })
}

func (f *fence) RemoveAll(name string) error {
	return f.change(func() error { return f.FS.RemoveAll(name) }, func(m *vfs.MemFS) error { return m.RemoveAll(name) })
}

func (f *fence) Rename(oldname, newname string) error {
	return f.change(func() error { return f.FS.Rename(oldname, newname) }, func(m *vfs.MemFS) error { return m.Rename(oldname, newname) })
}

func (f *fence) MkdirAll(dir string, perm os.FileMode) error {
	return f.change(func() error { return f.FS.MkdirAll(dir, perm) }, func(m *vfs.MemFS) error { return m.MkdirAll(dir, perm) })
}

func (f *fence) Unwrap() vfs.FS { return f.FS }

// fenced is a file of the disk, open for writing.
type fenced struct {
	vfs.File
	fence *fence
	table bool
}

// do writes, or drops what would be written when the fence is down. The writer of a table learns of that: others
// would read it.
func (f *fenced) do(op func() error) error {
	if !f.fence.down.Load() {
		if err := f.fence.try(op); err != nil {
			return err
		}
	}
	if f.table {
		return f.fence.fault()
	}
	return nil
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
