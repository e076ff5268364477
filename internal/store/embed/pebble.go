package embed

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/atomicfs"

	"github.com/pintle-io/pintle/internal/store"
)

// pebbleFormat is the version of Pebble's own files: the newest that this Pebble writes.
const pebbleFormat = pebble.FormatNewest

// options tunes Pebble. Blocks are large because flushes and compactions cost by the block, and because single
// records are seldom read: the cache above has them. Otherwise it is to be small: a memtable that begins with 256 KB and doubles under load up to 4 MB, a small
// block cache, few open files, one compaction at a time and none that merely speeds up reads. Pebble takes the room of its
// memtables, of which there are two as a rule, out of the block cache: what is left must hold the indexes and filters that
// each create asks whether its key is new. The returned function gives up what the open database holds itself.
func (s *Store) options(c Config, lock *pebble.Lock) (*pebble.Options, func()) {
	cache := pebble.NewCache(12 << 20)
	files := pebble.NewFileCache(1, 256)
	o := &pebble.Options{
		FS:                          s.fence,
		Comparer:                    comparer,
		Lock:                        lock,
		ReadOnly:                    c.ReadOnly,
		Cache:                       cache,
		FileCache:                   files,
		FormatMajorVersion:          pebbleFormat,
		MemTableSize:                4 << 20,
		MemTableStopWritesThreshold: 4,
		MaxManifestFileSize:         1 << 20,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
		Logger:                      &bridge{s: s, log: c.Logger},
		DisableTableStats:           true,
		L0CompactionThreshold:       8,
		L0StopWritesThreshold:       32,
	}
	for i := range o.Levels {
		o.Levels[i] = pebble.LevelOptions{
			BlockSize:      32 << 10,
			IndexBlockSize: 256 << 10,
			FilterPolicy:   bloom.FilterPolicy(10),
		}
	}
	o.Experimental.ReadSamplingMultiplier = -1
	o.EventListener = &pebble.EventListener{
		BackgroundError: func(err error) {
			if pebble.IsCorruptionError(err) {
				s.fence.fail(err)
			}
		},
	}
	return o, func() { cache.Unref(); files.Unref() }
}

// stampFresh names the file format of a directory that holds no database yet. Without it Pebble begins with its
// oldest format and climbs to the newest, with several syncs a step.
func stampFresh(fsys vfs.FS, dir string) error {
	names, err := fsys.List(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		if strings.HasPrefix(name, "marker.") || strings.HasPrefix(name, "MANIFEST") || name == "CURRENT" {
			return nil
		}
	}
	marker, _, err := atomicfs.LocateMarker(fsys, dir, "format-version")
	if err != nil {
		return err
	}
	if err := marker.Move(pebbleFormat.String()); err != nil {
		return err
	}
	return marker.Close()
}

// openPebble turns what Pebble finds wrong with a directory into one of Open's errors.
func openPebble(dir string, opts *pebble.Options) (db *pebble.DB, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", ErrDamaged, r)
		}
	}()
	db, err = pebble.Open(dir, opts)
	switch {
	case err == nil:
		return db, nil
	case strings.Contains(err.Error(), "written in newer format"), strings.Contains(err.Error(), "unknown format major version"):
		return nil, ErrNewer
	case errors.Is(err, pebble.ErrDBDoesNotExist):
		return nil, errors.New("holds no store")
	case pebble.IsCorruptionError(err), errors.Is(err, fs.ErrNotExist):
		return nil, oneLine(ErrDamaged.Error()+": ", err, ErrDamaged)
	}
	return nil, oneLine("cannot be opened: ", err)
}

// lineError is an error whose text is one line.
type lineError struct {
	text string
	errs []error
}

func (e *lineError) Error() string   { return e.text }
func (e *lineError) Unwrap() []error { return e.errs }

func oneLine(prefix string, err error, also ...error) error {
	text, _, _ := strings.Cut(err.Error(), "\n")
	return &lineError{prefix + text, append(also, err)}
}

// recover reads the meta entries and where the revisions stand; in a fresh store it makes them.
func (s *Store) recover() error {
	format, err := s.meta(metaFormat)
	if err != nil {
		return err
	}
	if format == nil {
		return s.create()
	}
	if n, err := strconv.Atoi(string(format)); err != nil || n < 1 {
		return fmt.Errorf("%w: its format is %q", ErrDamaged, format)
	} else if n > formatVersion {
		return fmt.Errorf("%w: its format is %d, this one knows %d", ErrNewer, n, formatVersion)
	}
	cluster, err := s.meta(metaCluster)
	if err != nil {
		return err
	}
	s.cluster = string(cluster)
	compacted, err := s.meta(metaCompacted)
	if err != nil {
		return err
	}
	if len(compacted) != 8 {
		return fmt.Errorf("%w: its compacted revision is unreadable", ErrDamaged)
	}
	s.compacted.Store(int64(binary.BigEndian.Uint64(compacted)))
	s.assigned = s.compacted.Load()
	it, err := s.db.NewIter(indexRange(0))
	if err != nil {
		return oneLine("cannot be read: ", err)
	}
	defer it.Close()
	if it.Last() {
		if s.assigned, err = parseIndexKey(it.Key()); err != nil {
			return fmt.Errorf("%w: %w", ErrDamaged, err)
		}
	}
	if err := it.Error(); err != nil {
		return oneLine(ErrDamaged.Error()+": ", err, ErrDamaged)
	}
	s.visible.Store(s.assigned)
	return nil
}

func (s *Store) create() error {
	if s.readOnly {
		return errors.New("holds no store")
	}
	var id [16]byte
	_, _ = rand.Read(id[:])
	s.cluster = hex.EncodeToString(id[:])
	b := s.db.NewBatch()
	defer b.Close()
	_ = b.Set([]byte(metaFormat), strconv.AppendInt(nil, formatVersion, 10), nil)
	_ = b.Set([]byte(metaCluster), []byte(s.cluster), nil)
	_ = b.Set([]byte(metaCompacted), binary.BigEndian.AppendUint64(nil, 1), nil)
	if err := b.Commit(pebble.Sync); err != nil {
		return oneLine("cannot be written: ", err)
	}
	s.compacted.Store(1)
	s.assigned = 1
	s.visible.Store(1)
	return nil
}

func (s *Store) meta(key string) ([]byte, error) {
	v, closer, err := s.db.Get([]byte(key))
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, oneLine(ErrDamaged.Error()+": ", err, ErrDamaged)
	}
	defer closer.Close()
	return append([]byte(nil), v...), nil
}

// fault returns the error for a commit when the medium has failed.
func (s *Store) fault() error {
	if err := s.fence.fault(); err != nil {
		return s.faultError(err)
	}
	return nil
}

// bridge is Pebble's logger: its chatter is dropped, its errors are warnings, and what it calls fatal closes the
// fence instead of the process.
type bridge struct {
	s   *Store
	log *slog.Logger
}

func (b *bridge) Infof(string, ...any) {}
func (b *bridge) Errorf(format string, args ...any) {
	b.log.Warn("store: " + fmt.Sprintf(format, args...))
}
func (b *bridge) Fatalf(format string, args ...any) {
	err := fmt.Errorf(format, args...)
	b.log.Error("store: " + err.Error())
	b.s.fence.fail(err)
}

var _ store.Store = (*Store)(nil)
