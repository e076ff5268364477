package object

type decoder struct{}

func (b builder) decoding(p *plan) {}
